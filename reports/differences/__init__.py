"""What differs between two records: the one model behind `python -m reports compare` and the page of differences.

An *item* is checks of one requirement that answer alike in every record given; a pair differs in the items whose
two answers differ. What only one of the two was asked is counted, and never told as a difference.
"""
