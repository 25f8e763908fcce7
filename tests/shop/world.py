"""The shop's world: plain Python, deterministic, put back by `reset`."""

from __future__ import annotations

from typing import Any

NAMES = ("Ada Byron", "Carl Gauss", "Emmy Noether", "Kurt Weyl", "Sofia Kova")
PRODUCTS = {"P1": ("kettle", 24.5), "P2": ("lamp", 39.9), "P3": ("radio", 61.25), "P4": ("clock", 18.75)}
TOOLS = ("find_customer", "list_products", "get_order", "place_order", "cancel_order")


class ShopError(Exception):
    """A request that the shop refuses."""


class Shop:
    """Customers, products and orders."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> str:
        """As it was in the beginning."""
        self.stock = dict.fromkeys(PRODUCTS, 40)
        self.orders: dict[str, dict[str, Any]] = {}
        for number, _ in enumerate(NAMES, 1):
            self.place_order(f"C{number}", f"P{number % 4 + 1}", number % 3 + 1)
        return "reset"

    def find_customer(self, name: str) -> dict[str, Any]:
        if name not in NAMES:
            raise ShopError(f"there is no customer {name}")
        number = NAMES.index(name) + 1
        return {"customer_id": f"C{number}", "name": name, "orders": self._orders_of(f"C{number}")}

    def list_products(self) -> dict[str, Any]:
        return {
            key: {"name": name, "price": price, "stock": self.stock[key]} for key, (name, price) in PRODUCTS.items()
        }

    def get_order(self, order_id: str) -> dict[str, Any]:
        if order_id not in self.orders:
            raise ShopError(f"there is no order {order_id}")
        return {"order_id": order_id, **self.orders[order_id]}

    def place_order(self, customer_id: str, product_id: str, quantity: int = 1) -> dict[str, Any]:
        if product_id not in PRODUCTS or not customer_id.startswith("C"):
            raise ShopError("there is no such product or customer")
        if not 0 < quantity <= self.stock[product_id]:
            raise ShopError(f"{quantity} are not to be had")
        self.stock[product_id] -= quantity
        order_id = f"O{len(self.orders) + 1}"
        total = f"{quantity * PRODUCTS[product_id][1]:.2f}"
        self.orders[order_id] = {
            "customer_id": customer_id,
            "product_id": product_id,
            "quantity": quantity,
            "total": total,
            "status": "placed",
        }
        return self.get_order(order_id)

    def cancel_order(self, order_id: str) -> dict[str, Any]:
        order = self.get_order(order_id)
        if order["status"] == "cancelled":
            raise ShopError("it is cancelled already")
        self.orders[order_id]["status"] = "cancelled"
        self.stock[order["product_id"]] += order["quantity"]
        return {"order_id": order_id, "refund": order["total"]}

    def _orders_of(self, customer_id: str) -> list[str]:
        return [key for key, order in self.orders.items() if order["customer_id"] == customer_id]
