"""The parts of the card that are the same for every export."""

__all__ = ["BIAS", "CITATIONS", "FORBIDDEN", "LICENCE_FILE", "RIGHTS"]

RIGHTS = """\
## Whose it is

- **The videos** belong to those who made them and put them on YouTube. No licence covers the faces in them.
- **VoxCeleb's metadata** (which videos, where the faces are): its sources disagree. Its `license.txt` says "Creative
  Commons Attribution 4.0 International", that copyright of original and cropped videos "remains with the original
  owners", and that redistribution is under the same conditions; its web pages say CC BY-SA 4.0 for the metadata; KAIST
  says "for research purposes" under CC BY 4.0.
- **Masks, drawings, attributes and sentences** are derived from the videos. They are close to biometric data, and
  personal data where such law applies.
- **The networks** that made them were trained on CelebAMask-HQ, CelebA and WIDER FACE, which are for non-commercial
  research.

Comparable sets (CelebV-HQ, CelebV-Text) forbid passing the files on and commercial use outright."""

FORBIDDEN = """\
## The people in it

They are real, mostly well known, and were never asked. Not to be done with this data:

- identifying people, or testing whether somebody is in it;
- surveillance, and any system that decides about people by their faces;
- imitating or defaming a person shown: deep fakes, voice or face puppets, impersonation;
- joining it with other data about the people in it;
- training or selling products, where the sources above exclude commercial use.

Keep copies private or gated, tell {contact} of misuse, and delete your copy of what is removed here."""

BIAS = """\
## What it leans to

Celebrities, in interviews, lit and made up for a camera, mostly frontal and speaking. VoxCeleb leans to some nations
and to men. Small faces are left out (those under 256 px, unless the crop was told otherwise), so newer and
high-definition videos are favoured. Attribute
predictors err more on people who were rare in CelebA. Do not take results on this data for results on people at
large."""

LICENCE_FILE = f"""\
# No single licence

{RIGHTS.removeprefix("## Whose it is").strip()}

Whoever publishes or uses a copy has to find out what is lawful for them. The software that made these files,
mmvoxceleb, is under the MIT licence; that says nothing about the data.
"""

CITATIONS = """\
@inproceedings{han2022show,
  title = {Show Me What and Tell Me How: Video Synthesis via Multimodal Conditioning},
  author = {Han, Ligong and Ren, Jian and Lee, Hsin-Ying and Barbieri, Francesco and Olszewski, Kyle and Minaee, Shervin
            and Metaxas, Dimitris and Tulyakov, Sergey},
  booktitle = {CVPR}, year = {2022}
}
@inproceedings{nagrani2017voxceleb,
  title = {VoxCeleb: a large-scale speaker identification dataset},
  author = {Nagrani, Arsha and Chung, Joon Son and Zisserman, Andrew},
  booktitle = {Interspeech}, year = {2017}
}
@inproceedings{siarohin2019first,
  title = {First Order Motion Model for Image Animation},
  author = {Siarohin, Aliaksandr and Lathuili{\\`e}re, St{\\'e}phane and Tulyakov, Sergey and Ricci, Elisa
            and Sebe, Nicu},
  booktitle = {NeurIPS}, year = {2019}
}
@inproceedings{yu2018bisenet,
  title = {BiSeNet: Bilateral Segmentation Network for Real-time Semantic Segmentation},
  author = {Yu, Changqian and Wang, Jingbo and Peng, Chao and Gao, Changxin and Yu, Gang and Sang, Nong},
  booktitle = {ECCV}, year = {2018}
}
@inproceedings{lee2020maskgan,
  title = {MaskGAN: Towards Diverse and Interactive Facial Image Manipulation},
  author = {Lee, Cheng-Han and Liu, Ziwei and Wu, Lingyun and Luo, Ping},
  booktitle = {CVPR}, year = {2020}
}
@inproceedings{yi2020unpaired,
  title = {Unpaired Portrait Drawing Generation via Asymmetric Cycle Mapping},
  author = {Yi, Ran and Liu, Yong-Jin and Lai, Yu-Kun and Rosin, Paul L.},
  booktitle = {CVPR}, year = {2020}
}
@inproceedings{zheng2022farl,
  title = {General Facial Representation Learning in a Visual-Linguistic Manner},
  author = {Zheng, Yinglin and Yang, Hao and Zhang, Ting and Bao, Jianmin and Chen, Dongdong and Huang, Yangyu and
            Yuan, Lu and Chen, Dong and Zeng, Ming and Wen, Fang},
  booktitle = {CVPR}, year = {2022}
}"""
