"""Voucher codes: drawn from `secrets`, and unique because the database says so."""

import secrets

from django.db import connection

from rewards.models import UserVoucher

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # without 0, 1, I, L and O, which look alike
CODE_LENGTH = 12  # 31¹² ≈ 8·10¹⁷


def draw_code() -> str:
    """Return a random voucher code."""
    return "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))


def insert_voucher(voucher: UserVoucher) -> UserVoucher:
    """Insert `voucher` under a code that nobody has, drawing again while the drawn one is taken."""
    while True:
        voucher.code = draw_code()
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO user_vouchers (id, user_id, option_id, code, type, value, category_id, status,
                                           expires_at, created_at, updated_at)
                VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, clock_timestamp())
                ON CONFLICT (code) DO NOTHING
                """,
                [
                    voucher.pk,
                    voucher.user_id,
                    voucher.option_id,
                    voucher.code,
                    voucher.type,
                    voucher.value,
                    voucher.category_id,
                    voucher.status,
                    voucher.expires_at,
                    voucher.created_at,
                ],
            )
            if cursor.rowcount:
                voucher._state.adding = False
                return voucher
