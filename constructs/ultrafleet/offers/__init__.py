"""Offers of capacity blocks: searched in several accounts and regions, compared, kept over time."""

from ultrafleet.offers.account_time import AccountTime, account_time
from ultrafleet.offers.aws_errors import explained
from ultrafleet.offers.history import HISTORY_NAME, History, TypeHistory, read_history, record, type_histories
from ultrafleet.offers.offer import USD, Offer, OfferSegment, Question
from ultrafleet.offers.questions import (
    Questions,
    question_of_type,
    questions_of_accelerators,
    regions_of_sale,
    regions_or_refuse,
)
from ultrafleet.offers.reading import offer_of, read_offers
from ultrafleet.offers.searching import Asked, Found, Greeted, Place, greet, opt_in_command, search
from ultrafleet.offers.window import Window, window

__all__ = [
    "HISTORY_NAME",
    "USD",
    "AccountTime",
    "Asked",
    "Found",
    "Greeted",
    "History",
    "Offer",
    "OfferSegment",
    "Place",
    "Question",
    "Questions",
    "TypeHistory",
    "Window",
    "account_time",
    "explained",
    "greet",
    "offer_of",
    "opt_in_command",
    "question_of_type",
    "questions_of_accelerators",
    "read_history",
    "read_offers",
    "record",
    "regions_of_sale",
    "regions_or_refuse",
    "search",
    "type_histories",
    "window",
]
