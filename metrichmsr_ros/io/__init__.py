"""What users give: image and npz files, torch devices. Each is checked here, and refused by its name."""
