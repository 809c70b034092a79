"""Landmarks, blendshapes and head pose of the face in a clip."""

from mmvoxceleb.processing.landmarks.face_landmarker import FaceLandmarker
from mmvoxceleb.processing.landmarks.interface import Landmarker
from mmvoxceleb.processing.landmarks.smoothing import OneEuro
from mmvoxceleb.processing.landmarks.stage import LandmarkStage
from mmvoxceleb.schema.face_points import five_of_478

__all__ = ["FaceLandmarker", "LandmarkStage", "Landmarker", "OneEuro", "five_of_478"]
