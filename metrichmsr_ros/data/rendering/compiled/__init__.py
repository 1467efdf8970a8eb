"""The renderer of crops in machine code: z-buffer, clothes, light and shadows."""
