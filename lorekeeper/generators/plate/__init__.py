"""The parts a plate is made of: its size, inks, devices, scene, frame and lettering. Drawn at twice its size."""
