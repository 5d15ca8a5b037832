#include <pirn/pirn.h>

int main()
{
    return pirn_str_equal_nocase(PIRN_STR("WebSocket"), pirn_cstr("websocket")) ? 0 : 1;
}
