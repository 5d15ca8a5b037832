#include "process.h"

#include <dirent.h>
#include <stdio.h>

static uint64_t thread_cpu_ns(const char *tasks, const char *thread)
{
    char path[384];
    unsigned long long ns = 0;
    snprintf(path, sizeof path, "%s/%s/schedstat", tasks, thread);
    FILE *file = fopen(path, "r");
    if (!file)
        return 0;
    if (fscanf(file, "%llu", &ns) != 1)
        ns = 0;
    fclose(file);
    return ns;
}

uint64_t process_cpu_ns(long pid)
{
    char path[64];
    uint64_t total = 0;
    snprintf(path, sizeof path, "/proc/%ld/task", pid);
    DIR *tasks = opendir(path);
    if (!tasks)
        return 0;
    for (struct dirent *entry; (entry = readdir(tasks)) != NULL;)
        if (entry->d_name[0] != '.')
            total += thread_cpu_ns(path, entry->d_name);
    closedir(tasks);
    return total;
}

uint64_t process_resident_bytes(long pid)
{
    char path[64], line[256];
    unsigned long long kib = 0;
    snprintf(path, sizeof path, "/proc/%ld/status", pid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file) && sscanf(line, "VmRSS: %llu", &kib) != 1)
        continue;
    if (file)
        fclose(file);
    return kib * 1024;
}
