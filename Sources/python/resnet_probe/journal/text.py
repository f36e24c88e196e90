"""Texts as a journal carries them."""


def clipped(text: str, limit: int) -> str:
    """A text of at most ``limit`` bytes of UTF-8, without U+0000 and without half characters.

    U+0000 and lone surrogates become U+FFFD; what is too long is cut between two characters.
    """
    if text.isascii() and len(text) <= limit and "\0" not in text:
        return text
    text = text.replace("\0", "\ufffd")
    encoded = text.encode("utf-8", "surrogatepass")
    # Surrogates of a file name that is no UTF-8: three bytes each, as U+FFFD.
    if any("\ud800" <= character <= "\udfff" for character in text):
        text = "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)
        encoded = text.encode()
    if len(encoded) <= limit:
        return text
    return encoded[:limit].decode("utf-8", "ignore")
