#!/usr/bin/python3
"""The examples echo and core_socket talk."""

import unittest

from serving import BUILD, PING, PONG, TEXT, Process, Raw, close_frame, frame, request_head


class Example(Process):
    """An example on a port that the system chooses."""

    def __init__(self, name):
        super().__init__(BUILD / "examples" / name, "0")
        self.port = int(self.ready.removesuffix("/").rpartition(":")[2])


class Examples(unittest.TestCase):
    def converse(self, raw):
        raw.open().send(frame(TEXT, b"first") + frame(PING, b"?") + frame(TEXT, b"x" * 70000))
        self.assertEqual(raw.read_message(), (TEXT, b"first"))
        answers = [raw.read_any_frame()]
        while not (answers[-1][1] and answers[-1][0] != PONG):
            answers.append(raw.read_any_frame())
        data = b"".join(payload for opcode, _, payload in answers if opcode != PONG)
        self.assertEqual(data, b"x" * 70000)
        if all(opcode != PONG for opcode, _, _ in answers):
            answers.append(raw.read_any_frame())
        self.assertIn((PONG, True, b"?"), answers)
        raw.send(close_frame(3000))
        self.assertEqual(raw.read_close()[0], 3000)

    def test_echo(self):
        example = Example("echo")
        for _ in range(2):
            with Raw(example) as raw:
                self.converse(raw)
        example.signal()  # it has no handler for it
        self.assertEqual(example.wait(), (-15, ""))
        example.process.stdout.close()
        example.process.stderr.close()

    def test_core_socket(self):
        with Example("core_socket") as example:
            with Raw(example) as raw:
                self.converse(raw)
            self.assertEqual(example.wait(), (0, ""))
            self.assertEqual(example.line(), "3000 Unauthorized")

    def test_core_socket_is_strict(self):
        with Example("core_socket") as example:
            with Raw(example) as raw:
                raw.open().send(frame(TEXT, b"\xff"))
                self.assertEqual(raw.read_close()[0], 1007)
            self.assertEqual(example.line(), "1006 Abnormal Closure")
            self.assertEqual(example.wait(), (0, ""))
        refusing = Example("core_socket")
        with Raw(refusing) as raw:
            raw.send(request_head("/", "Host: x"))
            self.assertTrue(raw.read_all().startswith(b"HTTP/1.1 400 "))
        self.assertEqual(refusing.wait(), (1, ""))
        refusing.process.stdout.close()
        refusing.process.stderr.close()


if __name__ == "__main__":
    unittest.main()
