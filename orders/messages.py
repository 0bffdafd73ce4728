"""What members are told of their orders."""

from notifications.contracts import Kind, Purpose
from notifications.facade import register_kind

ORDER_SHIPPED_MESSAGE = register_kind(
    Kind(
        name="order_shipped",
        label="An order is on its way",
        category="orders",
        purpose=Purpose.TRANSACTIONAL,
        title="Your order is on its way",
        body="Order {number} has been shipped.",
        facts={"number": "MH-7KQ2M9XT4C", "order_id": "17"},
        link="order",
        link_fact="order_id",
    )
)
ORDER_DELIVERED_MESSAGE = register_kind(
    Kind(
        name="order_delivered",
        label="An order has arrived",
        category="orders",
        purpose=Purpose.TRANSACTIONAL,
        title="Your order has arrived",
        body="Order {number} has been delivered. Enjoy!",
        facts={"number": "MH-7KQ2M9XT4C", "order_id": "17"},
        link="order",
        link_fact="order_id",
    )
)
