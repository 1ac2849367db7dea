"""Drives Python's ftplib for python_test.go.

Reads one JSON list per line, ["operation", argument...], and answers each with
one JSON object, {"lines": [...]} or {"error": "..."}, with the dialogue that the
operation had with the server as "said". The session opens at the first
operation and ends with standard input.
"""

import ftplib
import io
import json
import os
import ssl
import sys

TIMEOUT = 60  # seconds


def steer(base, mode):
    """Makes a client of the class base open data connections by mode.

    ftplib chooses by address family alone; all four commands exist over IPv4.
    """

    class Steered(base):
        trust_server_pasv_ipv4_address = True  # a wrong 227 reply must show

        def makepasv(self):
            if mode == "EPSV":
                return ftplib.parse229(self.sendcmd("EPSV"), self.sock.getpeername())
            return super().makepasv()

        def sendport(self, host, port):
            if mode == "EPRT":
                return self.sendeprt(host, port)
            return super().sendport(host, port)

    return Steered


class Session:
    def __init__(self, host, port, user, password, mode, security, ca_file):
        self.address = host, int(port)
        self.login = user, password
        self.mode = mode
        self.security = security
        self.ca_file = ca_file
        self.ftp = None

    def connect(self):
        if self.security == "explicit":
            context = ssl.create_default_context(cafile=self.ca_file)
            ftp = steer(ftplib.FTP_TLS, self.mode)(context=context, timeout=TIMEOUT)
        else:
            ftp = steer(ftplib.FTP, self.mode)(timeout=TIMEOUT)
        ftp.set_debuglevel(1)
        ftp.connect(*self.address)
        try:
            ftp.login(*self.login)
            if self.security == "explicit":
                ftp.prot_p()
        except ftplib.all_errors:
            ftp.close()
            raise
        ftp.set_pasv(self.mode in ("PASV", "EPSV"))
        self.ftp = ftp

    def close(self):
        if self.ftp is not None:
            self.ftp.quit()

    def run(self, operation, *args):
        if self.ftp is None:
            self.connect()
        return getattr(self, "do_" + operation)(*args) or []

    def do_put(self, local, remote):
        with open(local, "rb") as file:
            self.ftp.storbinary("STOR " + remote, file, 1 << 18)

    def do_get(self, remote, local):
        with open(local, "wb") as file:
            self.ftp.retrbinary("RETR " + remote, file.write, 1 << 18)

    def do_resume_put(self, local, remote):
        self.ftp.voidcmd("TYPE I")
        there = self.ftp.size(remote)
        with open(local, "rb") as file:
            file.seek(there)
            self.ftp.storbinary("STOR " + remote, file, 1 << 18, rest=there)

    def do_resume_get(self, remote, local):
        with open(local, "ab") as file:
            here = os.path.getsize(local)
            self.ftp.retrbinary("RETR " + remote, file.write, 1 << 18, rest=here)

    def do_list(self, path):
        lines = []
        self.ftp.retrlines("LIST " + path, lines.append)
        return lines

    def do_names(self, path):
        return self.ftp.nlst(path)

    def do_facts(self, path):
        entries = self.ftp.mlsd(path)
        return [name for name, facts in entries if facts["type"] not in ("cdir", "pdir")]

    def do_rename(self, old, new):
        self.ftp.rename(old, new)

    def do_delete(self, path):
        self.ftp.delete(path)

    def do_make_dir(self, path):
        made = self.ftp.mkd(path)
        if made != path:
            raise ValueError("MKD %r answers with the path %r" % (path, made))

    def do_remove_dir(self, path):
        self.ftp.rmd(path)


def main():
    answers = sys.stdout
    session = Session(*sys.argv[1:])
    for line in sys.stdin:
        sys.stdout = io.StringIO()  # where ftplib prints its dialogue
        try:
            answer = {"lines": session.run(*json.loads(line))}
        except (ValueError, *ftplib.all_errors) as error:
            answer = {"error": "%s: %s" % (type(error).__name__, error)}
        answer["said"] = sys.stdout.getvalue()
        print(json.dumps(answer), file=answers, flush=True)
    session.close()


main()
