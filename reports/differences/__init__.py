"""The differences between two records, for `python -m reports compare` and for the page of differences.

An *item* holds the checks of one requirement that answer alike in every record. Two records differ in the items
where their answers differ. A check that only one of the two ran is counted, and is never called a difference.
"""
