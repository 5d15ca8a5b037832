#include <pirn/core.h>

#include <string.h>

int main(void)
{
    return strcmp(pirn_version(), PIRN_VERSION_STRING) == 0 ? 0 : 1;
}
