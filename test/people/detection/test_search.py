"""The search of a single image with stand-ins for the networks: one body a person, and nobody's body twice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from helpers.people_scenes import Figure, FigureDetector, FigureFinder, box_of, landmark_set

from metrichmsr_ros.people.blazepose.landmarks import Roi
from metrichmsr_ros.people.detection.confidence import agreement, confidence_of, evidence_of
from metrichmsr_ros.people.detection.person_detector import PersonBox
from metrichmsr_ros.people.detection.search import Sighting, find_people, is_duplicate, look_at, sightings_of

IMAGE = np.full((480, 640, 3), 90, np.uint8)
SIZE = (640, 480)


class MagnetFinder(FigureFinder):
    """A landmark network that is drawn to the first figure unless it is masked, as real ones to the nearer person."""

    def landmarks(self, image, roi, min_score=0.5, *, without=(), keep=None):
        first = self.figures[0]
        if not any(np.abs(body.pixels[33] - [first.x, first.y]).max() < 5 for body in without):
            return landmark_set(first, roi)
        return super().landmarks(image, roi, min_score, without=without, keep=keep)


def places(found):
    return sorted(round(float(sighting.landmarks.pixels[33, 0])) for sighting in found)


def sighting(figure, box=None):
    landmarks, seen = landmark_set(figure), box or box_of(figure)
    return Sighting(landmarks, seen, evidence_of(landmarks, seen, SIZE))


def test_everybody_in_the_image_is_found_once_and_surely():
    figures = [Figure(120, 240, 200), Figure(420, 300, 110), Figure(560, 200, 60)]
    found = find_people(IMAGE, FigureFinder(figures), FigureDetector(figures))
    assert places(found) == [120, 420, 560]
    assert min(s.confidence for s in found) > 0.8


def test_an_image_without_people_gives_nobody_and_no_landmark_call():
    network = FigureFinder([])
    assert find_people(IMAGE, network, FigureDetector([])) == []
    assert network.landmark_calls == 0


def test_two_people_side_by_side_whose_boxes_both_draw_the_nearer_body_give_two_bodies():
    near, far = Figure(200, 240, 200), Figure(235, 240, 190)
    found = find_people(IMAGE, MagnetFinder([near, far]), FigureDetector([near, far]))
    assert places(found) == [200, 235]


def test_two_boxes_of_one_person_give_one_body():
    figure = Figure(200, 240, 200)
    whole = box_of(figure)
    upper = PersonBox(0.8, whole.box * [1, 1, 1, 0.6])
    assert len(sightings_of(IMAGE, FigureFinder([figure]), [whole, upper], 3)) == 1


def test_a_mixture_of_people_is_a_duplicate_where_their_boxes_hold_its_box():
    left, right = Figure(200, 240, 200), Figure(300, 240, 200)
    mixed = landmark_set(Figure(250, 240, 200))
    mixed.pixels[:] = landmark_set(left).pixels
    mixed.pixels[[12, 14, 16, 24, 26, 28]] = landmark_set(right).pixels[[12, 14, 16, 24, 26, 28]]
    known = [sighting(left), sighting(right)]
    inner = PersonBox(0.9, box_of(left).box + np.array([2, 2, -2, -2]))
    assert is_duplicate(Sighting(mixed, inner, np.zeros(5)), known)
    assert not is_duplicate(sighting(Figure(500, 240, 200)), known)


def test_a_body_outside_its_box_is_less_certain_than_one_inside():
    figure = Figure(200, 240, 200, peak=0.4)
    inside, outside = sighting(figure), sighting(figure, box_of(Figure(300, 240, 200)))
    across = sighting(figure, PersonBox(0.9, box_of(figure).box + np.array([0, 0, 0, -110])))
    assert inside.confidence > across.confidence > outside.confidence
    assert inside.confidence > 0.9
    assert outside.confidence < 0.55


def test_confidence_rises_with_the_detector_the_presence_and_the_peaks():
    figure = Figure(200, 240, 200, peak=0.4)
    good = sighting(figure).confidence
    assert sighting(figure, box_of(figure, 0.2)).confidence < good
    assert sighting(Figure(200, 240, 200, peak=0.3)).confidence < good
    faint = landmark_set(figure, score=0.05)
    assert confidence_of(evidence_of(faint, box_of(figure), SIZE)) < good
    assert confidence_of(evidence_of(landmark_set(figure), None, SIZE)) < good


def test_agreement_is_measured_within_the_image():
    figure = Figure(200, 470, 200)  # legs below the image
    box = PersonBox(0.9, box_of(figure).box.clip(0, 479))
    inside, overlap = agreement(landmark_set(figure), box.box, SIZE)
    assert inside == 1.0
    assert overlap > 0.8  # hips and what is above; without the image's border it would be 0.5
    assert agreement(landmark_set(Figure(-500, 240)), box.box, SIZE) == (0.0, 0.0)


def test_a_box_that_shows_half_a_person_is_looked_at_as_if_it_ended_at_the_hips():
    figure = Figure(300, 240, 300)
    top = box_of(figure).box
    half = PersonBox(0.9, np.array([top[0], top[1], top[2], 240.0]))

    class Particular(FigureFinder):
        def landmarks(self, image, roi: Roi, min_score=0.5, *, without=(), keep=None):
            fits = abs(roi.centre[1] - 240) < 40 and roi.size > 300
            return landmark_set(replace(figure, peak=0.7 if fits else 0.3), roi, score=0.99 if fits else 0.01)

    best = look_at(IMAGE, Particular([]), half, (), 1)
    assert best is not None
    assert best.landmarks.score == 0.99


def test_the_look_at_hidden_legs_is_centred_where_the_box_ends_to_the_last_bit():
    asked: list[Roi] = []

    class Noting(FigureFinder):
        def landmarks(self, image, roi: Roi, min_score=0.5, *, without=(), keep=None):
            asked.append(roi)

    x0, y0, x1, y1 = box = np.array([136.5, 110.5, 241.7, 227.6])  # middle + half the height is not y1 in float64
    look_at(IMAGE, Noting([]), PersonBox(0.9, box), (), 1)
    assert tuple(asked[-1].centre) == ((x0 + x1) / 2, y1)
    assert asked[-1].size == 2.5 * (y1 - y0)


def test_a_box_outside_the_image_gives_nothing():
    assert look_at(IMAGE, FigureFinder([]), PersonBox(0.9, np.array([900.0, 0, 950, 100])), (), 2) is None
