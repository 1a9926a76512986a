from .conventions import convert_layout as convert_layout
