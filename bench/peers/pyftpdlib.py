"""pyftpdlib with its asynchronous server, configured by its arguments:
control port, first and last passive port, user, password, home, certificate."""
import logging
import sys

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import TLS_FTPHandler
from pyftpdlib.servers import FTPServer

control, first, last, user, password, home, certificate = sys.argv[1:]
logging.basicConfig(level=logging.CRITICAL)
authorizer = DummyAuthorizer()
authorizer.add_user(user, password, home, perm="elradfmwMT")


class Handler(TLS_FTPHandler):
    """What the benchmark asks for."""


Handler.authorizer = authorizer
Handler.certfile = certificate
Handler.passive_ports = range(int(first), int(last) + 1)
Handler.banner = "ready"
Handler.timeout = 600
server = FTPServer(("127.0.0.1", int(control)), Handler, backlog=1024)
server.max_cons = 0
server.max_cons_per_ip = 0
server.serve_forever(handle_exit=False)
