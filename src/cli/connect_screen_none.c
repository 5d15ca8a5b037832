/* Built without libedit: no prompt. A terminal is read as any other input, line by line. */
#include "connect.h"

bool connect_screen_open(struct connect *connect)
{
    (void)connect;
    return false;
}

void connect_screen_close(struct connect *connect)
{
    (void)connect;
}

void connect_screen_read(struct connect *connect)
{
    (void)connect;
}

void connect_screen_hide(struct connect *connect)
{
    (void)connect;
}

void connect_screen_show(struct connect *connect)
{
    (void)connect;
}

void connect_screen_resize(struct connect *connect)
{
    (void)connect;
}
