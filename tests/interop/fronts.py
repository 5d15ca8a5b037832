"""Real HTTP servers that stand in front of `pirn serve`: nginx and Apache, run by hand from a
folder of their own. The system's are neither used nor touched."""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from serving import PATIENCE, PIRN

PATHS = os.environ.get("PATH", "") + ":/usr/sbin"
NGINX = shutil.which("nginx", path=PATHS)
APACHE = shutil.which("apache2", path=PATHS)
APACHE_MODULES = "/usr/lib/apache2/modules"
SCRIPT = pathlib.Path(__file__).parent.parent / "support" / "certificates.sh"


def has_tls():
    """Whether the library was built with it."""
    command = [PIRN, "connect", "-k", "ws://[::1]:1/"]
    return b"not built" not in subprocess.run(command, input=b"", capture_output=True).stderr


def make_certificates(folder):
    subprocess.run(["sh", SCRIPT, folder], check=True)


class Front:
    """A server that runs until the end of the block; not as root, even if the test does."""

    def __init__(self, folder, **how):
        self.folder = folder
        if os.geteuid() == 0:
            how.update(user="nobody", group="nogroup", extra_groups=[])
            for path in (folder, *pathlib.Path(folder).rglob("*")):
                shutil.chown(path, "nobody", "nogroup")
        self.process = subprocess.Popen(self.command, cwd=folder, start_new_session=True, **how)

    def kill(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=PATIENCE)

    def log(self):
        return pathlib.Path(self.folder, "error.log").read_text()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=PATIENCE)


NGINX_CONF = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/tmp;
    proxy_temp_path {folder}/tmp;
    fastcgi_temp_path {folder}/tmp;
    uwsgi_temp_path {folder}/tmp;
    scgi_temp_path {folder}/tmp;
    server {{
        listen 127.0.0.1:{port}{ssl};
        {settings}
        location / {{
            proxy_pass {backend};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
            proxy_set_header Host $http_host;
        }}
    }}
}}
"""

NGINX_TLS = """
        ssl_certificate {folder}/localhost.pem;
        ssl_certificate_key {folder}/localhost.key;
"""

# For a backend that speaks TLS.
NGINX_TLS_BEHIND = """
        proxy_ssl_trusted_certificate {folder}/ca.pem;
        proxy_ssl_verify on;
        proxy_ssl_name localhost;
        proxy_ssl_server_name on;
"""


class Nginx(Front):
    """It listens before it runs: on a socket that it inherits, as from a former self."""

    def __init__(self, folder, backend, settings="", tls=False, listener=None):
        with listener or socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
            settings += NGINX_TLS if tls else ""
            settings += NGINX_TLS_BEHIND if backend.startswith("https:") else ""
            text = NGINX_CONF.format(
                folder=folder, backend=backend, port=self.port, ssl=" ssl" if tls else "",
                settings=settings.format(folder=folder),
            )
            pathlib.Path(folder, "nginx.conf").write_text(text)
            pathlib.Path(folder, "tmp").mkdir(exist_ok=True)
            self.command = [NGINX, "-c", f"{folder}/nginx.conf", "-p", folder, "-e", "error.log"]
            number = listener.fileno()
            super().__init__(
                folder, pass_fds=[number], env={**os.environ, "NGINX": f"{number};"},
                stderr=subprocess.DEVNULL,
            )
        self.url = f"{'wss' if tls else 'ws'}://localhost:{self.port}/"


APACHE_CONF = """
ServerRoot {folder}
DefaultRuntimeDir {folder}
PidFile {folder}/apache.pid
ErrorLog {folder}/error.log
ServerName localhost
Listen 127.0.0.1:{port}
StartServers 1
{modules}
{settings}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Apache(Front):
    def __init__(self, folder, modules, settings):
        for _ in range(5):  # the port may be taken by another meanwhile
            self.port = free_port()
            lines = (f"LoadModule {m}_module {APACHE_MODULES}/mod_{m}.so" for m in modules)
            text = APACHE_CONF.format(
                folder=folder, port=self.port, modules="\n".join(lines), settings=settings
            )
            pathlib.Path(folder, "apache.conf").write_text(text)
            self.command = [APACHE, "-f", f"{folder}/apache.conf", "-DFOREGROUND"]
            super().__init__(folder)
            if self.listens():
                break
        else:
            raise AssertionError(self.log())
        self.url = f"ws://127.0.0.1:{self.port}/"

    def listens(self):
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < end:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port)).close()
                return True
            time.sleep(0.01)
        return False


def new_folder():
    """One that others may pass through, as what runs there is another's."""
    folder = tempfile.TemporaryDirectory(prefix="pirn-front-")
    os.chmod(folder.name, 0o755)
    return folder
