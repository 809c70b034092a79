"""temp"""
from pathlib import Path
from mmvoxceleb.hub.card_data import CardFacts, card_data
from mmvoxceleb.hub.statistics import statistics_of
from mmvoxceleb.hub.files import write_bytes
__all__=["CardFacts","write_card"]
def write_card(root, settings, notes, facts):
    st = statistics_of(notes)
    d = card_data(settings, notes, st, facts)
    write_bytes(root/"README.md", f"---\n{d.to_yaml()}\n---\n\n# x\n".encode())
