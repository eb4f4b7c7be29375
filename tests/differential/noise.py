"""Clients with nothing to say: they need server connections, so that the sessions of a round lose theirs."""

import threading
import time

from client import Client, Op
from generate import USERS

CLIENTS = 6
PAUSE_S = 0.004
TEXTS = ("SELECT 'noise'", "/* causeway to=leader */ SELECT 'noise'")


class Noise:
    """`with Noise(port)`; then `reads` counts those that followers may have served, `troubles` what was no row."""

    def __init__(self, port):
        self.port = port
        self.reads = 0
        self.troubles = []
        self.ending = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(number,), daemon=True) for number in range(CLIENTS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        for thread in self.threads:
            thread.join(timeout=90)

    def run(self, number):
        user, password = USERS[number % len(USERS)]
        client = Client(self.port, timeout=80)
        answer = client.answer(Op(0, "connect", (user, password, "", "modern", 45)))
        op = Op(0, "query", (TEXTS[number % 2],))
        while client.alive and not self.ending.is_set():
            client.socket.sendall(client.encode(op))
            answer = client.answer(op)
            if b"noise" not in answer:
                break
            self.reads += number % 2 == 0
            time.sleep(PAUSE_S)
        if not self.ending.is_set() or b"noise" not in answer:
            self.troubles.append(repr(answer[:200]))
        client.close()
