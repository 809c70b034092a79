"""The table of models: what each is for, where it comes from, its licence, and what may be done with its results."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

__all__ = ["INCLUDED", "PUBLISHED", "Model", "Terms", "WeightFile"]

Terms = Literal["permissive", "research only", "none", "sample", "unknown"]
"""What the licence of a model allows. ``permissive``: any use. ``research only``: its makers, or those of the pictures
that it was trained on, exclude commercial use. ``none``: nobody gave a licence, so all rights are reserved. ``sample``:
any use, but made for demonstration. ``unknown``: not looked up."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model, with or without weights.

    Args:
        key: Its name in :data:`PUBLISHED` or :data:`INCLUDED`, and on the command line.
        purpose: What it is for, in a few words.
        licence: What is known about the right to use it.
        paper: The publication, or the project if there is none.
        terms: What that licence comes to.
        results: What may be done with what it makes, in a sentence. The rights in the videos are another matter.
        stated_at: Where its makers, or those of its training pictures, say so.
        chosen_by: The options that choose it.
    """

    key: str
    purpose: str
    licence: str
    paper: str
    terms: Terms = "unknown"
    results: str = "not known: nobody looked up its licence"
    stated_at: str = ""
    chosen_by: str = ""

    @property
    def is_permissive(self) -> bool:
        """Whether any use is allowed, also commercial."""
        return self.terms in ("permissive", "sample")


@dataclass(frozen=True, kw_only=True)
class WeightFile(Model):
    """One published file of weights.

    Args:
        file_name: The name that its authors gave it.
        sources: Where to get it, tried in this order: ``https://...``, ``drive:FILE_ID`` or
            ``drive-folder:FOLDER_ID`` (the file of this name anywhere in that folder).
        size_bytes: Its size; None where no record of it was found.
        sha256: Its hash in hexadecimal; None where no record of it was found.
    """

    file_name: str
    sources: tuple[str, ...]
    size_bytes: int | None = None
    sha256: str | None = None


_ANY_USE = "any use, also commercial"

PUBLISHED: Mapping[str, WeightFile] = MappingProxyType(
    {
        record.key: record
        for record in (
            WeightFile(
                key="bisenet",
                file_name="79999_iter.pth",
                sources=(
                    "https://github.com/xinntao/facexlib/releases/download/v0.2.0/parsing_bisenet.pth",
                    "drive:154JgKpzCPW82qINcVieuPH3fZ2e0P812",
                ),
                purpose="masks: BiSeNet face parser, 19 classes",
                licence="code MIT; trained on CelebAMask-HQ: research only, not commercial",
                terms="research only",
                results="research that is not commercial; CelebAMask-HQ forbids commercial use of its pictures and of "
                "data derived from them",
                stated_at="https://github.com/switchablenorms/CelebAMask-HQ#dataset-agreement",
                chosen_by="--parser bisenet",
                paper="Yu et al., BiSeNet, ECCV 2018; zllrunning/face-parsing.PyTorch",
                size_bytes=53_289_463,
                sha256="468e13ca13a9b43cc0881a9f99083a430e9c0a38abd935431d1c28ee94b26567",
            ),
            WeightFile(
                key="portrait-drawing",
                file_name="200_net_G_A.pth",
                sources=("drive-folder:1FzOcdlMYhvK_nyLCe8wnwotMphhIoiYt",),
                purpose="drawings: line drawing generator, 3 styles",
                licence="none given: all rights reserved by its authors; ask them first",
                terms="none",
                results="nothing is allowed: its authors gave no licence; ask them before you use or publish drawings",
                stated_at="https://github.com/yiranran/Unpaired-Portrait-Drawing",
                chosen_by="--drawer portrait",
                paper="Yi et al., Unpaired Portrait Drawing Generation via Asymmetric Cycle Mapping, CVPR 2020",
            ),
            WeightFile(
                key="farl-celeba",
                file_name="face_attribute.farl.celeba.pt",
                sources=(
                    "https://github.com/FacePerceiver/facer/releases/download/models-v1/face_attribute.farl.celeba.pt",
                    "drive:1yo7BVO4RMeq-5fCmuk_VxvNL06zIEh-C",
                ),
                purpose="labels: FaRL, 40 CelebA attributes",
                licence="code MIT; trained on CelebA: research only, not commercial",
                terms="research only",
                results="research that is not commercial; CelebA forbids commercial use of its pictures and of data "
                "derived from them",
                stated_at="https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
                chosen_by="label without --weights",
                paper="Zheng et al., General Facial Representation Learning in a Visual-Linguistic Manner, CVPR 2022",
            ),
            WeightFile(
                key="yunet",
                file_name="face_detection_yunet_2023mar.onnx",
                sources=(
                    "https://huggingface.co/opencv/face_detection_yunet/resolve/main/face_detection_yunet_2023mar.onnx",
                    "https://github.com/opencv/opencv_zoo/raw/main/models/face_detection_yunet/"
                    "face_detection_yunet_2023mar.onnx",
                ),
                purpose="crop, labels: YuNet face detector with 5 landmarks",
                licence="MIT, the file too; it was trained on WIDER FACE, whose pictures are not for commercial use",
                terms="permissive",
                results=_ANY_USE,
                stated_at="https://github.com/opencv/opencv_zoo/tree/main/models/face_detection_yunet#license",
                chosen_by="--detector yunet",
                paper="Wu et al., YuNet: A Tiny Millisecond-level Face Detector, MIR 2023",
                sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
            ),
            WeightFile(
                key="face-landmarker",
                file_name="face_landmarker.task",
                sources=(
                    "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/"
                    "face_landmarker.task",
                ),
                purpose="landmarks: MediaPipe's 478 points, 52 blendshapes and head pose",
                licence="Apache-2.0",
                terms="permissive",
                results=_ANY_USE,
                stated_at="https://github.com/google-ai-edge/mediapipe-samples/issues/407",
                chosen_by="--parser open, --weights open, --detector mediapipe, landmarks",
                paper="Kartynnik et al., Real-time Facial Surface Geometry, 2019; Bazarevsky et al., BlazeFace, 2019",
                size_bytes=3_758_596,
                sha256="64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
            ),
            WeightFile(
                key="selfie-segmenter",
                file_name="selfie_segmenter.tflite",
                sources=(
                    "https://storage.googleapis.com/mediapipe-models/image_segmenter/selfie_segmenter/float16/1/"
                    "selfie_segmenter.tflite",
                ),
                purpose="masks: the outline of a person, for the open parser",
                licence="Apache-2.0",
                terms="permissive",
                results=_ANY_USE,
                stated_at="https://github.com/google-ai-edge/mediapipe/issues/5242",
                chosen_by="--parser open",
                paper="MediaPipe Selfie Segmentation, model card of 2021",
                size_bytes=249_537,
                sha256="191ac9529ae506ee0beefa6b2c945a172dab9d07d1e802a290a4e4038226658b",
            ),
            WeightFile(
                key="s3fd",
                file_name="s3fd-619a316812.pth",
                sources=("https://www.adrianbulat.com/downloads/python-fan/s3fd-619a316812.pth",),
                purpose="crop: S3FD face detector, the one of the original crops",
                licence="BSD-3-Clause; trained on WIDER FACE, whose pictures are not for commercial use: research only",
                terms="research only",
                results="research that is not commercial; its makers offer the file under BSD-3-Clause, but do not "
                "speak for the pictures that it was trained on",
                stated_at="https://github.com/1adrianb/face-alignment/issues/260",
                chosen_by="--detector s3fd",
                paper="Zhang et al., S3FD: Single Shot Scale-invariant Face Detector, ICCV 2017",
                size_bytes=89_843_225,
                sha256="619a31681264d3f7f7fc7a16a42cbbe8b23f31a256f75a366e5a1bcd59b33543",
            ),
            WeightFile(
                key="syncnet",
                file_name="syncnet_v2.model",
                sources=(
                    "http://www.robots.ox.ac.uk/~vgg/software/lipsync/data/syncnet_v2.model",
                    "https://huggingface.co/ByteDance/LatentSync-1.6/resolve/main/auxiliary/syncnet_v2.model",
                ),
                purpose="scores: SyncNet, sound and picture together",
                licence="code MIT; none given for the weights, trained on BBC television: ask its authors",
                terms="none",
                results="nothing is allowed for certain: no licence covers the weights; ask its authors",
                stated_at="https://github.com/joonson/syncnet_python",
                chosen_by="score",
                paper="Chung and Zisserman, Out of time: automated lip sync in the wild, ACCV 2016 workshops",
                size_bytes=54_573_114,
                sha256="961e8696f888fce4f3f3a6c3d5b3267cf5b343100b238e79b2659bff2c605442",
            ),
            WeightFile(
                key="silero-vad",
                file_name="silero_vad.jit",
                sources=("https://github.com/snakers4/silero-vad/raw/v6.2.1/src/silero_vad/data/silero_vad.jit",),
                purpose="scores: Silero VAD, whether somebody speaks",
                licence="MIT",
                terms="permissive",
                results=_ANY_USE,
                stated_at="https://github.com/snakers4/silero-vad/blob/master/LICENSE",
                chosen_by="score",
                paper="Silero Team, Silero VAD: pre-trained enterprise-grade Voice Activity Detector, 2024",
                size_bytes=2_272_526,
                sha256="e1122837f4154c511485fe0b9c64455f7b929c96fbb8d79fbdb336383ebd3720",
            ),
        )
    }
)
"""Every published file that a stage can ask for, by key."""

INCLUDED: Mapping[str, Model] = MappingProxyType(
    {
        record.key: record
        for record in (
            Model(
                key="haar",
                purpose="crop: OpenCV's Haar cascade for frontal faces",
                licence="Intel's licence for OpenCV, like BSD-3-Clause, at the head of the cascade's file",
                chosen_by="--detector haar",
                paper="Lienhart and Maydt, An Extended Set of Haar-like Features, ICIP 2002",
                terms="permissive",
                results=_ANY_USE,
                stated_at="https://github.com/opencv/opencv/blob/4.x/data/haarcascades/"
                "haarcascade_frontalface_alt2.xml",
            ),
            Model(
                key="coherent-lines",
                purpose="drawings: coherent line drawing, without weights",
                licence="MIT; not trained on anything",
                chosen_by="--drawer open",
                paper="Kang, Lee and Chui, Coherent Line Drawing, NPAR 2007",
                terms="permissive",
                results=_ANY_USE,
                stated_at="LICENSE of mmvoxceleb",
            ),
            Model(
                key="sample",
                purpose="demonstration: masks, drawings, labels of generated faces",
                licence="MIT; trained on generated faces, for demonstration; not for research",
                chosen_by="--parser sample, --drawer sample, --weights sample",
                paper="mmvoxceleb, docs/sample-models.md",
                terms="sample",
                results=f"{_ANY_USE}, but they say nothing of real faces",
                stated_at="LICENSE of mmvoxceleb",
            ),
        )
    }
)
"""What a stage can compute with that comes with this package or with OpenCV, by key."""
