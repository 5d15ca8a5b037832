// beast_echo: an echo by Boost.Beast on one thread, after the asynchronous example of its
// documentation.
#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/websocket.hpp>
#include <cstdio>
#include <memory>

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;

class session : public std::enable_shared_from_this<session>
{
    beast::websocket::stream<tcp::socket> stream;
    beast::flat_buffer buffer;

    void read()
    {
        stream.async_read(buffer, [self = shared_from_this()](beast::error_code error, size_t) {
            if (!error)
                self->write();
        });
    }

    void write()
    {
        stream.text(stream.got_text());
        stream.async_write(buffer.data(),
                           [self = shared_from_this()](beast::error_code error, size_t) {
                               self->buffer.consume(self->buffer.size());
                               if (!error)
                                   self->read();
                           });
    }

  public:
    explicit session(tcp::socket &&socket) : stream(std::move(socket))
    {
        stream.next_layer().set_option(tcp::no_delay(true));
    }

    void run()
    {
        stream.async_accept([self = shared_from_this()](beast::error_code error) {
            if (!error)
                self->read();
        });
    }
};

static void accept(tcp::acceptor &acceptor)
{
    acceptor.async_accept([&acceptor](beast::error_code error, tcp::socket socket) {
        if (!error)
            std::make_shared<session>(std::move(socket))->run();
        accept(acceptor);
    });
}

int main()
{
    asio::io_context context(1);
    tcp::acceptor acceptor(context, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    acceptor.listen(4096);
    std::printf("listening on %d\n", acceptor.local_endpoint().port());
    std::fflush(stdout);
    accept(acceptor);
    context.run();
}
