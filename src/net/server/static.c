/* Static files. The path is walked from the root folder name by name, each opened relative to the
 * folder before and never through a symbolic link, so there is no path text that could be fooled
 * and no moment between check and use. */
#include "server/request.h"

#include <string.h>

#include "server/files.h"

#define PATH_MAX_BYTES 1024

static const struct {
    const char *ending, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".htm", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".map", "application/json"},
    {".txt", "text/plain; charset=utf-8"},
    {".md", "text/markdown; charset=utf-8"},
    {".xml", "application/xml"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".jpeg", "image/jpeg"},
    {".gif", "image/gif"},
    {".webp", "image/webp"},
    {".ico", "image/x-icon"},
    {".wasm", "application/wasm"},
    {".pdf", "application/pdf"},
    {".woff2", "font/woff2"},
    {".mp4", "video/mp4"},
    {".webm", "video/webm"},
};

static const char *content_type(struct pirn_str name)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct pirn_str ending = pirn_cstr(types[i].ending);
        if (name.len > ending.len &&
            pirn_str_equal_nocase((struct pirn_str){name.data + name.len - ending.len, ending.len},
                                  ending))
            return types[i].type;
    }
    return "application/octet-stream";
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c ? strchr(digits, c | (c >= 'A' && c <= 'F' ? 0x20 : 0)) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* Percent-decodes a path into text[0..cap). False if it does not fit, is not well encoded, or hides
 * a NUL or a slash. */
static bool decode(struct pirn_str path, char *text, size_t cap)
{
    size_t len = 0;
    for (size_t i = 0; i < path.len; i++) {
        char c = path.data[i];
        if (c == '%') {
            int high = i + 1 < path.len ? hex_digit(path.data[i + 1]) : -1;
            int low = i + 2 < path.len ? hex_digit(path.data[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high << 4 | low);
            if (c == '\0' || c == '/')
                return false;
            i += 2;
        }
        if (len + 1 >= cap)
            return false;
        text[len++] = c;
    }
    text[len] = '\0';
    return true;
}

/* Opens what the decoded path names below root; -1 if there is no such thing. path is cut up. */
static int open_below(const char *root, char *path, struct pirn__file *file)
{
    int folder = pirn__file_open_folder(root);
    char *rest = path;
    for (char *name; folder >= 0 && (name = strtok_r(rest, "/", &rest)) != NULL;) {
        if (strcmp(name, ".") == 0)
            continue;
        int next = strcmp(name, "..") == 0 ? -1 : pirn__file_open_at(folder, name);
        pirn__file_close(folder);
        folder = next;
    }
    if (folder >= 0 && pirn__file_look(folder, file))
        return folder;
    if (folder >= 0)
        pirn__file_close(folder);
    return -1;
}

/* The index.html of an open folder, which is closed; -1 if there is none, or it is no folder. */
static int open_index(int folder, struct pirn__file *file)
{
    int fd = file->is_folder ? pirn__file_open_at(folder, "index.html") : -1;
    pirn__file_close(folder);
    if (fd >= 0 && pirn__file_look(fd, file) && !file->is_folder)
        return fd;
    if (fd >= 0)
        pirn__file_close(fd);
    return -1;
}

/* Of two slashes at the beginning one goes: a browser would take what follows them for a host. */
static int redirect_to_folder(struct pirn_request *request, struct pirn_str path)
{
    for (; path.len > 1 && path.data[1] == '/'; path.len--)
        path.data++;
    char location[PATH_MAX_BYTES + 2];
    memcpy(location, path.data, path.len);
    location[path.len] = '/';
    struct pirn_header header = {PIRN_STR("Location"), {location, path.len + 1}};
    return pirn_request_reject(request, 301, &header, 1, NULL);
}

static int send_file(struct pirn_request *request, int fd, const struct pirn__file *file,
                     struct pirn_str name)
{
    struct pirn_header headers[] = {
        {PIRN_STR("Content-Type"), pirn_cstr(content_type(name))},
        {PIRN_STR("Cache-Control"), PIRN_STR("no-cache")},
    };
    if (pirn__request_is(request, "HEAD")) {
        pirn__file_close(fd);
        fd = -1;
    }
    return pirn__answer_file(request, headers, sizeof headers / sizeof *headers, fd, file->len);
}

int pirn_request_file(struct pirn_request *request, const char *root)
{
    struct pirn_str path = pirn_request_path(request);
    char decoded[PATH_MAX_BYTES];
    struct pirn__file file;
    if (!pirn__request_waits(request))
        return -PIRN_E_STATE;
    if (!pirn__request_is(request, "GET") && !pirn__request_is(request, "HEAD")) {
        struct pirn_header allow = {PIRN_STR("Allow"), PIRN_STR("GET, HEAD")};
        return pirn_request_reject(request, 405, &allow, 1, NULL);
    }
    if (path.len >= PATH_MAX_BYTES || !decode(path, decoded, sizeof decoded))
        return pirn_request_reject(request, 404, NULL, 0, NULL);
    bool wants_folder = path.len > 0 && path.data[path.len - 1] == '/';
    int fd = open_below(root, decoded, &file);
    if (fd >= 0 && wants_folder) {
        path = PIRN_STR("index.html");
        fd = open_index(fd, &file);
    } else if (fd >= 0 && file.is_folder) {
        pirn__file_close(fd);
        return redirect_to_folder(request, path);
    }
    if (fd < 0)
        return pirn_request_reject(request, 404, NULL, 0, NULL);
    return send_file(request, fd, &file, path);
}
