#include <pirn/pirn.h>

int main(void)
{
    struct pirn_loop *loop = pirn_loop_new(NULL);
    int ran = loop ? pirn_loop_run(loop) : -1;
    pirn_loop_free(loop);
    return ran == 0 ? 0 : 1;
}
