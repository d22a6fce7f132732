"""Holds what people say of softmax against what is measured, judged or computed here."""
