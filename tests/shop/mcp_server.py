"""The shop as an MCP server: `python mcp_server.py`, over its standard streams, or with a port, over HTTP.

Two more tools are its bad days: `hang` never answers, `die` ends the process in the middle of a call.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from mcp.server.fastmcp import FastMCP
from mcp.types import ToolAnnotations

sys.path.insert(0, str(Path(__file__).parents[1]))
from shop.world import Shop  # it is a script: its folder is not where its package begins

shop = Shop()
port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
server = FastMCP("shop", host="127.0.0.1", port=port, log_level="CRITICAL")
reads = server.tool(annotations=ToolAnnotations(readOnlyHint=True))


@reads
def find_customer(name: str) -> dict[str, Any]:
    """Find a customer by name."""
    return shop.find_customer(name)


@reads
def list_products() -> dict[str, Any]:
    """All products with their prices."""
    return shop.list_products()


@reads
def get_order(order_id: str) -> dict[str, Any]:
    """Look an order up."""
    return shop.get_order(order_id)


@server.tool()
def place_order(customer_id: str, product_id: str, quantity: int = 1) -> dict[str, Any]:
    """Order a product for a customer."""
    return shop.place_order(customer_id, product_id, quantity)


@server.tool()
def cancel_order(order_id: str) -> dict[str, Any]:
    """Cancel an order and refund it."""
    return shop.cancel_order(order_id)


@server.tool()
def reset() -> str:
    """Put the shop back to its beginning."""
    return shop.reset()


@reads
def hang() -> str:
    """Never answer."""
    time.sleep(600)
    return ""


@reads
def die() -> str:
    """End the process."""
    os._exit(3)


@reads
def shout(size: int) -> str:
    """Say much."""
    return "x" * size


@reads
def babble() -> str:
    """Write what is no protocol, then answer."""
    sys.stdout.write("this is not JSON-RPC\n{]\n")
    sys.stdout.flush()
    return "sorry"


if __name__ == "__main__":
    server.run("streamable-http" if port else "stdio")
