/* Pirn from C++17, with a second thread: each line of the standard input is told to all who are
 * connected, and at its end the server closes them and ends.
 *
 *     announce [port]
 *
 * A thread that reads may wait for as long as it likes; what it has for the loop it posts.
 */
#include <pirn/pirn.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <thread>

namespace
{

struct Free {
    void operator()(pirn_loop *loop) const
    {
        pirn_loop_free(loop);
    }
    void operator()(pirn_server *server) const
    {
        pirn_server_free(server);
    }
};

struct Line {
    pirn_server *server;
    std::string text;
};

void tell(pirn_loop *, void *argument)
{
    std::unique_ptr<Line> line(static_cast<Line *>(argument));
    auto send = [](pirn_conn *conn, void *context) {
        const std::string &text = static_cast<Line *>(context)->text;
        pirn_conn_send(conn, PIRN_TEXT, text.data(), text.size());
    };
    pirn_server_each(line->server, send, line.get());
}

// With nothing more to wait for, the loop ends.
void finish(pirn_loop *, void *server)
{
    pirn_server_drain(static_cast<pirn_server *>(server), PIRN_CLOSE_GOING_AWAY,
                      PIRN_STR("that was all"), 1000, nullptr, nullptr);
}

void read_lines(pirn_loop *loop, pirn_server *server)
{
    for (std::string text; std::getline(std::cin, text);) {
        auto line = std::make_unique<Line>(Line{server, text});
        if (pirn_loop_post(loop, tell, line.get()) == 0)
            line.release(); // tell() has it now
    }
    pirn_loop_post(loop, finish, server);
}

} // namespace

int main(int argc, char **argv)
{
    pirn_server_config config{};
    config.conn.endpoint.max_message_bytes = 1024;
    config.conn.handlers.on_message = [](pirn_conn *conn, pirn_opcode, void *, size_t) {
        pirn_conn_close(conn, PIRN_CLOSE_POLICY_VIOLATION, PIRN_STR("listen, do not speak"));
    };
    pirn_listen where{};
    where.port = static_cast<uint16_t>(argc > 1 ? std::atoi(argv[1]) : 9001);
    std::unique_ptr<pirn_loop, Free> loop(pirn_loop_new(nullptr));
    std::unique_ptr<pirn_server, Free> server(loop ? pirn_server_new(loop.get(), &config)
                                                   : nullptr);
    if (!server || pirn_server_listen(server.get(), &where) < 0) {
        std::perror("announce");
        return 1;
    }
    std::cout << "listening on ws://127.0.0.1:" << pirn_server_port(server.get()) << '/'
              << std::endl;
    std::thread reader(read_lines, loop.get(), server.get());
    int result = pirn_loop_run(loop.get());
    reader.join();
    return result < 0;
}
