"""Names for the members of the demonstration shop, as one meets them in South Africa."""

from itertools import product
from random import Random

_FIRST = (  # noqa: SIM905  a list would be a page long
    "Aisha Amahle Andile Anika Annelise Ayanda Bongani Busisiwe Carmen Charl Chantelle Dineo Ebrahim Elna"
    " Fatima Francois Gugu Hannes Hlengiwe Imraan Jabu Jaco Johan Kagiso Karabo Katlego Keshia Khanyi Kiran"
    " Lerato Leila Lindiwe Lwazi Mandla Marius Megan Mpho Nadia Naledi Nandi Nomsa Ntombi Palesa Pieter Priya"
    " Rethabile Riaan Rohan Sanele Shireen Sibusiso Sipho Sizwe Tebogo Themba Thabo Tumelo Unathi Vusi Willem"
    " Yolanda Yusuf Zanele Zinhle"
).split()
_LAST = (  # noqa: SIM905
    "Abrahams Adams Baloyi Booysen Botha Buthelezi Cele Coetzee Daniels Davids Dlamini Fourie Govender"
    " Gumede Hendricks Hlongwane Isaacs Jacobs Jansen Khoza Khumalo Kruger Louw Mabaso Mahlangu Maluleke"
    " Maseko Mathebula Mbatha Mkhize Mofokeng Mokoena Molefe Moodley Motaung Mthembu Naicker Naidoo Ndlovu"
    " Nel Ngcobo Ngwenya Nkosi Pather Petersen Pienaar Pillay Pretorius Radebe Ramaphala Reddy September"
    " Sithole Steyn Swanepoel Tshabalala Venter Viljoen Visser Williams Wessels Xaba Zondi Zulu"
).split()


def draw_names(rng: Random, count: int) -> list[tuple[str, str]]:
    """Return `count` different pairs of a first and a last name, of some four thousand."""
    return rng.sample(list(product(_FIRST, _LAST)), count)
