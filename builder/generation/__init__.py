"""Growing: seed tasks and a teacher in, admitted samples and explained rejections out."""
