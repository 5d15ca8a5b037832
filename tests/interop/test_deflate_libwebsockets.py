#!/usr/bin/python3
"""permessage-deflate between the client of libwebsockets and `pirn serve`."""

import os
import subprocess
import sys
import unittest

from serving import BUILD, PATIENCE, Server, settings, stats

CLIENT = BUILD / "tests/interop/lws_client"
CLASSES = ("shared", "dedicated:9", "dedicated:12", "dedicated:15")
COUNT = 40
OFFERS = tuple(settings(
    ("", "; server_no_context_takeover"),
    ("", "; client_no_context_takeover"),
    ("", *(f"; server_max_window_bits={bits}" for bits in range(8, 16))),
    ("", "; client_max_window_bits", *(f"; client_max_window_bits={bits}" for bits in (8, 10, 15))),
))  # fmt: skip

if not os.access(CLIENT, os.X_OK):
    sys.exit(77)


def talk(server, offer):
    result = subprocess.run([CLIENT, str(server.port), offer, str(COUNT)], capture_output=True,
                            text=True, timeout=PATIENCE, check=False)
    return result.returncode, result.stderr


class Offers(unittest.TestCase):
    def test_every_offer(self):
        """Each in one class. With windows of 8 bits, which zlib cannot have, they are declined."""
        for kind in CLASSES:
            with Server("--quiet", "--deflate", kind, "--deflate-threshold=1") as server:
                accepted = 0
                for parameters in OFFERS[CLASSES.index(kind) :: len(CLASSES)]:
                    offer = "permessage-deflate" + "".join(parameters)
                    with self.subTest(kind=kind, offer=offer):
                        self.assertEqual(talk(server, offer), (0, ""))
                    accepted += "=8" not in offer
                totals = stats(server)["deflate"]
                self.assertEqual(totals["received"]["messages"], accepted * COUNT)
                self.assertEqual(totals["sent"]["messages"], accepted * COUNT)

    def test_none(self):
        with Server("--quiet") as server:
            self.assertEqual(talk(server, ""), (0, ""))


if __name__ == "__main__":
    unittest.main()
