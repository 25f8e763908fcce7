"""The shop as an HTTP API: `python api_server.py PORT`; without a port it prints its OpenAPI document."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi import Path as InPath
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel, Field

sys.path.insert(0, str(Path(__file__).parents[1]))
from shop.world import Shop, ShopError  # it is a script: its folder is not where its package begins

app = FastAPI(title="Shop")
shop = Shop()


class NewOrder(BaseModel):
    """An order."""

    customer_id: str = Field(description="Whose it is.")
    product_id: str = Field(description="What is ordered.")
    quantity: int = Field(1, description="How many.", ge=1)


@app.exception_handler(ShopError)
def refuse(_: Request, error: ShopError) -> Response:
    return JSONResponse({"detail": str(error)}, 409)


@app.get("/customers", operation_id="find_customer")
def find_customer(name: Annotated[str, Query(description="The full name.")]) -> dict[str, Any]:
    """Find a customer by name."""
    return shop.find_customer(name)


@app.get("/products", operation_id="list_products")
def list_products() -> dict[str, Any]:
    """All products with their prices."""
    return shop.list_products()


@app.get("/orders/{order_id}", operation_id="get_order")
def get_order(order_id: Annotated[str, InPath(description="The order's number.")]) -> dict[str, Any]:
    """Look an order up."""
    return shop.get_order(order_id)


@app.post("/orders", operation_id="place_order", status_code=201)
def place_order(order: NewOrder) -> dict[str, Any]:
    """Order a product for a customer."""
    return shop.place_order(order.customer_id, order.product_id, order.quantity)


@app.delete("/orders/{order_id}", operation_id="cancel_order")
def cancel_order(order_id: Annotated[str, InPath(description="The order's number.")]) -> dict[str, Any]:
    """Cancel an order and refund it."""
    return shop.cancel_order(order_id)


@app.post("/reset", operation_id="reset")
def reset() -> str:
    """Put the shop back to its beginning."""
    return shop.reset()


@app.get("/trouble/{kind}", operation_id="trouble")
def trouble(kind: Annotated[str, InPath(description="Which.")]) -> Response:
    """A bad day: a number is that status, `huge` and `garbage` speak for themselves."""
    if kind == "huge":
        return PlainTextResponse("x" * 9_000_000)
    if kind == "garbage":
        return Response(b"\xff\xfe\x00<html>", media_type="application/json")
    raise HTTPException(int(kind), "a bad day")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="critical")
    else:
        sys.stdout.write(json.dumps(app.openapi(), indent=1))
