"""The perception node as a process of its own, with a pipeline that sees one person in every image."""

import sys

from helpers.fake_pipeline import FakePipeline, make_person
from metrichmsr_ros.ros import node

node.load_pipeline = lambda settings: FakePipeline([make_person()])
node.main(sys.argv)
