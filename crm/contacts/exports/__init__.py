"""Exports of contacts as CSV that a spreadsheet opens safely and an import reads back."""
