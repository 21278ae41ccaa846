from dataclasses import dataclass


@dataclass(order=True)
class Item:
    weight: int
    name: str


items = sorted(Item(i * 7919 % 1009, f"n{i}") for i in range(9_000))
print(items[0], items[-1])
