"""How many contacts were active in a month: what billing counts."""
