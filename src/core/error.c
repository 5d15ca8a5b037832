#include <pirn/error.h>

const char *pirn_error_name(int error)
{
    switch (error > 0 ? -error : error) { /* of INT_MIN there is no positive */
#define NAME_CASE(name, number, text)                                                              \
    case -(number):                                                                                \
        return "PIRN_E_" #name;
        PIRN_ERRORS(NAME_CASE)
    default:
        return "PIRN_E_?";
    }
}

const char *pirn_error_text(int error)
{
    switch (error > 0 ? -error : error) {
#define TEXT_CASE(name, number, text)                                                              \
    case -(number):                                                                                \
        return text;
        PIRN_ERRORS(TEXT_CASE)
    default:
        return "unknown error";
    }
}
