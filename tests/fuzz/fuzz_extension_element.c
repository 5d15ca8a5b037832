/* What parses is written in a form that parses to the same. */
#undef NDEBUG /* the assertions are the test */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <pirn/extension.h>
#include <pirn/http.h>

static void write_and_parse(const struct pirn_extension_element *extension)
{
    char out[8192], again[8192];
    struct pirn_extension_element other;
    int len = pirn_extension_element_write(extension, out, sizeof out);
    assert(len > 0);
    assert(pirn_extension_element_parse(&other, (struct pirn_str){out, (size_t)len}) == 0);
    assert(other.param_count == extension->param_count);
    assert(pirn_extension_element_write(&other, again, sizeof again) == len);
    assert(memcmp(out, again, (size_t)len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 4096)
        return 0;
    char *copy = malloc(size ? size : 1);
    assert(copy);
    if (size > 0)
        memcpy(copy, data, size);
    struct pirn_http_list list;
    struct pirn_str item;
    pirn_http_list_init_value(&list, (struct pirn_str){copy, size});
    while (pirn_http_list_next(&list, &item)) {
        struct pirn_extension_element extension;
        assert(item.len > 0 && item.data >= copy && item.data + item.len <= copy + size);
        if (pirn_extension_element_parse(&extension, item) == 0)
            write_and_parse(&extension);
    }
    free(copy);
    return 0;
}
