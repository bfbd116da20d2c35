"""Tasks whose answers are computed: families, those of reasoning-gym, and the teacher that writes them."""
