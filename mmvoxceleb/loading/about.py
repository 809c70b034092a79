"""What the dataset says of itself."""

__all__ = ["CITATION", "DESCRIPTION"]

CITATION = """\
@inproceedings{han2022show,
  title = {Show Me What and Tell Me How: Video Synthesis via Multimodal Conditioning},
  author = {Han, Ligong and Ren, Jian and Lee, Hsin-Ying and Barbieri, Francesco and Olszewski, Kyle and
            Minaee, Shervin and Metaxas, Dimitris and Tulyakov, Sergey},
  booktitle = {CVPR},
  year = {2022}
}
@inproceedings{nagrani2017voxceleb,
  title = {VoxCeleb: a large-scale speaker identification dataset},
  author = {Nagrani, Arsha and Chung, Joon Son and Zisserman, Andrew},
  booktitle = {Interspeech},
  year = {2017}
}
"""
DESCRIPTION = (
    "Multimodal VoxCeleb: talking-face clips with segmentation masks, line drawings, text and 40 facial attributes."
)
