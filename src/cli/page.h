/* page.h: the page of `pirn serve`, a console for WebSockets. */
#ifndef PIRN_CLI_PAGE_H
#define PIRN_CLI_PAGE_H

#include <stddef.h>

/* page.html, in two parts: between them belong the close codes, as JSON. Made when it is built. */
extern const char page_before_codes[], page_after_codes[];

/* js/pirn.js, which the page imports as /pirn.js. */
extern const char page_client[];

/* The Content-Security-Policy that lets the page run its own script and the client, nothing else.
 */
extern const char page_policy[];

/* The whole page, to be freed by free(3); NULL without memory. */
char *page_new(size_t *len);

#endif
