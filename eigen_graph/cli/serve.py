"""`serve`."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import typer

from eigen_graph.cli.console import out
from eigen_graph.core import EigenGraphError
from eigen_graph.domains import load_domain
from eigen_graph.models.scripted import require_playbook
from eigen_graph.models.scripted.chat import ScriptedChat
from eigen_graph.models.scripted.serving import ScriptedServer


def serve(
    domain: Annotated[
        str,
        typer.Argument(
            metavar="DOMAIN",
            help="hotel, broadband, your own folder or domain.yaml, package.module:attr, file.py:attr.",
        ),
    ],
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="Port on 127.0.0.1; 0: any.")] = 8000,
    faults: Annotated[
        float, typer.Option(min=0, max=1, metavar="P", help="How often it errs, as in scripted?faults=0.3.")
    ] = 0.0,
) -> None:
    """Serve the offline model `scripted` for a DOMAIN as an OpenAI-compatible server on this machine.

    It rehearses what goes over the wire, before a real model is paid for: the same client, tool calls and structured
    answers. Any other OpenAI-compatible server takes its place.
    """
    loaded = load_domain(domain)
    require_playbook(loaded)
    try:
        server = ScriptedServer(ScriptedChat(domains={loaded.name: loaded}, faults=faults), port)
    except OSError as error:
        raise EigenGraphError(f"cannot listen on port {port}: {error.strerror}; name another with --port") from error
    with server, suppress(KeyboardInterrupt):
        out.print(
            f"scripted for {loaded.name} at {server.url} until Ctrl-C; use it by\n"
            f"  --model 'openai:scripted?send_case=true' --base-url {server.url}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
        server.serve_forever()
