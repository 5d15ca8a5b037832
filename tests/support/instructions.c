#include "instructions.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static void child(work_fn *work, size_t size)
{
    work(size); /* not counted: resolves symbols, warms what is made once */
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
        _exit(1);
    raise(SIGSTOP);
    work(size);
    raise(SIGSTOP);
    _exit(0);
}

static int next_stop(pid_t pid)
{
    int status;
    return waitpid(pid, &status, 0) == pid && WIFSTOPPED(status) ? WSTOPSIG(status) : 0;
}

uint64_t instructions_of(work_fn *work, size_t size)
{
    uint64_t count = 0;
    pid_t pid = fork();
    if (pid == 0)
        child(work, size);
    if (pid < 0 || next_stop(pid) != SIGSTOP)
        return 0;
    do {
        if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) < 0)
            return 0;
        count++;
    } while (next_stop(pid) == SIGTRAP);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return count;
}
