"""Makes transfers in one session for errand_test.go, with Python's ftplib.

Its data connections resume the control connection's TLS session, as most FTPS
clients do and as ftplib by itself does not. Reads the transfers as a JSON list
of [operation, local, remote] from standard input.
"""

import ftplib
import json
import ssl
import sys

TIMEOUT = 60  # seconds


class Resuming(ftplib.FTP_TLS):
    resume = True

    def ntransfercmd(self, cmd, rest=None):
        conn, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        session = self.sock.session if self.resume else None
        conn = self.context.wrap_socket(conn, server_hostname=self.host, session=session)
        if conn.session_reused != self.resume:
            raise ftplib.Error("%s: resumed: %s" % (cmd, conn.session_reused))
        return conn, size

    def makepasv(self):
        return ftplib.parse229(self.sendcmd("EPSV"), self.sock.getpeername())


def main(host, port, user, password, ca_file, version, resume):
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    ftp = Resuming(context=context, timeout=TIMEOUT)
    ftp.resume = resume == "resume"
    ftp.set_debuglevel(1)
    ftp.connect(host, int(port))
    ftp.login(user, password)
    ftp.prot_p()
    for operation, local, remote in json.load(sys.stdin):
        if operation == "put":
            with open(local, "rb") as file:
                ftp.storbinary("STOR " + remote, file, 1 << 18)
        else:
            with open(local, "wb") as file:
                ftp.retrbinary("RETR " + remote, file.write, 1 << 18)
    ftp.quit()


main(*sys.argv[1:])
