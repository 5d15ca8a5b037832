/* Asks a server something, prints the answer and leaves: a client without callbacks or a loop.
 *
 *     ask URL QUESTION
 */
#include <pirn/blocking.h>

#include <stdio.h>
#include <string.h>

#define PATIENCE_MS 10000

int main(int argc, char **argv)
{
    const char *url = argc > 1 ? argv[1] : "ws://127.0.0.1:9001/";
    const char *question = argc > 2 ? argv[2] : "hello";
    struct pirn_blocking_message answer;
    char why[256];
    struct pirn_blocking *ws = pirn_blocking_connect(url, NULL, why, sizeof why);
    if (!ws) {
        fprintf(stderr, "%s: %s\n", url, why);
        return 1;
    }
    int result = pirn_blocking_send(ws, PIRN_TEXT, question, strlen(question));
    if (result == 0)
        result = pirn_blocking_receive(ws, PATIENCE_MS, &answer);
    if (result > 0)
        printf("%s\n", (const char *)answer.data);
    else if (pirn_blocking_ending(ws))
        fprintf(stderr, "%s: %s\n", url, pirn_blocking_ending(ws)->text);
    else
        fprintf(stderr, "%s: no answer\n", url);
    pirn_blocking_close(ws, PIRN_CLOSE_NORMAL, PIRN_STR(""));
    pirn_blocking_free(ws);
    return result > 0 ? 0 : 1;
}
