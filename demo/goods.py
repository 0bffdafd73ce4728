"""The shelves of the demonstration shop and what stands on them."""

import math
from decimal import Decimal
from itertools import product
from random import Random

from demo.shop import Category, Plan, Product

_MAKERS = (  # noqa: SIM905  as people.py
    "Baobab Bushveld Cederberg Drakens Fynbos Highveld Indlovu Kalahari Karoo Knysna Lowveld Marula"
    " Namaqua Protea Sardine-Run Umgeni Wild-Coast Witzand"
).split()

# Department → shelf → cheapest, dearest, and the things on it.
_SHELVES: dict[str, dict[str, tuple[int, int, str]]] = {
    "Home and kitchen": {
        "Cookware": (149, 2499, "Casserole dish, Frying pan, Potjie pot, Stock pot, Roasting tray"),
        "Small appliances": (399, 3999, "Kettle, Toaster, Air fryer, Slow cooker, Stick blender"),
        "Bedding": (199, 2999, "Duvet cover set, Fleece blanket, Pillow pair, Percale sheet set"),
        "Storage": (59, 899, "Lunch tin, Pantry jar set, Laundry basket, Stacking crate"),
    },
    "Braai and outdoor": {
        "Braai": (89, 5499, "Kettle braai, Folding grid, Braai tongs, Chimney starter, Gas skottel"),
        "Camping": (129, 4999, "Two-man tent, Camp chair, Cooler box, Headlamp, Sleeping bag"),
        "Garden": (49, 1999, "Hose reel, Pruning shears, Planter, Raised bed, Bird feeder"),
    },
    "Electronics": {
        "Audio": (199, 4499, "Earbuds, Bluetooth speaker, Over-ear headphones, Soundbar"),
        "Power": (149, 6999, "Inverter, Rechargeable bulb, Power bank, Solar lantern, Surge plug"),
        "Phone accessories": (79, 699, "Phone case, Fast charger, Car mount, Screen protector"),
    },
    "Beauty and health": {
        "Skin care": (69, 899, "Rooibos face cream, Sunscreen, Shea body butter, Marula oil"),
        "Hair care": (49, 1499, "Shampoo, Leave-in conditioner, Hair dryer, Satin bonnet"),
        "Wellness": (99, 1299, "Yoga mat, Resistance band set, Vitamin pack, Massage roller"),
    },
    "Baby and kids": {
        "Nursery": (79, 3499, "Nappy bag, Baby monitor, Cot sheet, Bottle steriliser"),
        "Toys": (49, 1299, "Building blocks, Wire car kit, Jigsaw puzzle, Plush rhino, Board game"),
        "School": (39, 799, "School bag, Pencil case, Lunch cooler, Calculator, Exercise book pack"),
    },
    "Pantry": {
        "Coffee and tea": (45, 499, "Coffee beans, Rooibos tea, Chai blend, Instant cappuccino"),
        "Snacks": (29, 249, "Biltong, Droëwors, Rusks, Dried mango, Chilli nuts"),
        "Spices": (29, 199, "Braai salt, Durban masala, Peri-peri rub, Spice gift set"),
    },
    "Fashion": {
        "Shoes": (249, 2499, "Leather sandals, Trail shoes, Vellies, Slippers"),
        "Clothing": (129, 1899, "Shweshwe apron, Linen shirt, Rain jacket, Wool jersey"),
        "Bags": (149, 1999, "Tote bag, Weekend bag, Laptop sleeve, Belt bag"),
    },
    "Pets": {
        "Dogs": (59, 1799, "Dog bed, Chew toy, Harness, Food scoop, Raised bowl"),
        "Cats": (49, 1499, "Scratching post, Litter tray, Feather wand, Cat tunnel"),
    },
}


def make_categories() -> list[Category]:
    """Return the departments, each followed by its shelves."""
    tree = []
    for department, shelves in _SHELVES.items():
        tree.append(Category(_slug(department), department, None))
        tree += [Category(_slug(shelf), shelf, _slug(department)) for shelf in shelves]
    return tree


def make_products(plan: Plan) -> list[Product]:
    """Return the plan's products, spread evenly over the shelves; no two have one name."""
    rng = plan.rng("products")
    shelves = [(shelf, *facts) for shelves in _SHELVES.values() for shelf, facts in shelves.items()]
    names = {shelf: list(product(_MAKERS, things.split(", "))) for shelf, _, _, things in shelves}
    for choices in names.values():
        rng.shuffle(choices)
    products = []
    for number in range(plan.products):
        shelf, cheapest, dearest, _ = shelves[number % len(shelves)]
        maker, thing = names[shelf].pop()
        products.append(
            Product(
                sku=f"MH{number + 1:05}",
                name=f"{maker.replace('-', ' ')} {thing.lower()}",
                price=_price(rng, cheapest, dearest),
                category=_slug(shelf),
            )
        )
    return products


def _price(rng: Random, cheapest: int, dearest: int) -> Decimal:
    """Draw a price evenly on the scale of orders of magnitude, ending in 99 cents."""
    rand = math.exp(rng.uniform(math.log(cheapest), math.log(dearest)))
    return Decimal(round(rand)) - Decimal("0.01")


def _slug(name: str) -> str:
    return name.lower().replace(" ", "-")
