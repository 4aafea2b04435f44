"""The words that the generated source is made of."""

from __future__ import annotations


def _words(text: str) -> list[str]:
    return text.split()


# name, location, manager
DEPARTMENTS = (
    ("Sales", "Manchester", "Ruth Adeyemi"),
    ("Purchasing", "Manchester", "Tomasz Wilk"),
    ("Production", "Leeds", "Carol Byrne"),
    ("Dispatch", "Leeds", "Hamid Rahimi"),
    ("Finance", "Manchester", "Ingrid Solberg"),
    ("Facilities", "Leeds", "Paul Okoro"),
    ("Communications", "London", "Mei Tanaka"),
    ("People", "London", None),
)
FIRST_NAMES = _words(
    "Ada Bilal Chloe Dmitri Elif Femi Greta Hugo Imani Jonas Kavya Liam Mara Nils Olga Priya Quentin Rosa Samir Tove"
)
LAST_NAMES = _words(
    "Abbott Baptiste Calloway Dahl Egede Farrow Grimaldi Hoffmann Iversen Jansen Keane Lindqvist Moreau Nakamura "
    "Ortega Pereira Quinn Rossi Silva Thorne"
)
# country, cities, form of the postal code (# is a digit)
COUNTRIES = (
    ("United Kingdom", ("Manchester", "Leeds", "Bristol", "Cardiff"), "M## #AB"),
    ("Ireland", ("Dublin", "Cork"), "D## F###"),
    ("Germany", ("Hamburg", "Leipzig", "Bremen"), "#####"),
    ("France", ("Lyon", "Nantes", "Lille"), "#####"),
    ("Poland", ("Gdańsk", "Kraków"), "##-###"),
    ("United States", ("Portland", "Austin", "Denver"), "#####"),
    ("Canada", ("Halifax", "Montréal"), "H#A #B#"),
    ("Japan", ("Sendai", "Kobe"), "###-####"),
)
STREETS = _words("Alder Bridge Canal Dock Elm Foundry Garden Harbour Kiln Mill Orchard Quay Station Tannery Weaver")
STREET_KINDS = ("Street", "Road", "Lane", "Court", "Row")
DISTRICTS = ("Northside", "Old Town", "Riverside", "Westend")
COMPANY_WORDS = _words(
    "Amber Beacon Cedar Delta Ember Falcon Granite Heron Indigo Juniper Kestrel Lantern Maple Nimbus Otter"
)
COMPANY_KINDS = ("Ltd", "PLC", "GmbH", "Inc", "and Sons", "SARL", "Holdings")
MATERIALS = _words("Bamboo Bronze Canvas Cotton Felt Granite Hemp Jute Leather Linen Marble Rattan Silk Steel Wicker")
SHAPES = _words("Barrel Basket Bucket Duffel Hobo Market Pouch Satchel Shopper Tote")
CURRENCIES = ("GBP", "USD", "EUR")
PAYMENT_TYPES = ("SALES_RECEIPT", "SALES_REFUND", "PURCHASE_PAYMENT", "PURCHASE_REFUND")
