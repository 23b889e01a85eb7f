"""Texts made alike where PostgreSQL and egret may differ."""

import re


def bare(text):
    """A text without the parentheses and casts that PostgreSQL adds to an expression."""
    return re.sub(r"[()]|::[a-z ]+", "", text)
