"""Imported by the server that forks the processes to be killed, so that each starts fast."""

from tests.server.killed import warm_up

warm_up()
