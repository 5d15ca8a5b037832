/* http_status.c: the texts of statuses, and the status that answers an error. */
#include <pirn/http.h>
#include <pirn/error.h>

/* The registry of RFC 9110, 15, and 428 to 431 and 511 of RFC 6585. */
static const struct {
    int status;
    const char *text;
} texts[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {305, "Use Proxy"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {511, "Network Authentication Required"},
};

const char *pirn_http_status_text(int status)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i].status == status)
            return texts[i].text;
    return "";
}

int pirn_http_error_status(int error)
{
    switch (error > 0 ? -error : error) {
    case -PIRN_E_HEAD_TOO_BIG:
    case -PIRN_E_HEADERS_TOO_MANY:
        return 431;
    case -PIRN_E_HTTP_VERSION:
        return 505;
    case -PIRN_E_METHOD:
        return 405;
    case -PIRN_E_WEBSOCKET_VERSION:
        return 426;
    case -PIRN_E_ORIGIN:
        return 403;
    case -PIRN_E_HANDSHAKE_TIMEOUT:
        return 408;
    default:
        return error > -100 && error < 100 ? 500 : 400;
    }
}
