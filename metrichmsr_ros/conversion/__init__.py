"""People of recordings in the file formats of other programs: BVH, glTF, AMASS, BEDLAM, COCO, TUM, LeRobot."""
