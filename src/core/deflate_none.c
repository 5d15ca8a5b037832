/* deflate_none.c: what there is of deflate.c in a library without zlib. */
#include <pirn/deflate.h>
#include <pirn/error.h>

bool pirn_deflate_available(void)
{
    return false;
}

int pirn_deflate_init(struct pirn_deflate *deflate, const struct pirn_deflate_config *config,
                      enum pirn_role role, pirn_realloc_fn *realloc, void *realloc_context,
                      void *room, size_t room_bytes)
{
    (void)deflate, (void)config, (void)role;
    (void)realloc, (void)realloc_context, (void)room, (void)room_bytes;
    return -PIRN_E_UNSUPPORTED;
}

void pirn_deflate_release(struct pirn_deflate *deflate)
{
    (void)deflate;
}
