"""The files of drawn images in one archive, with a list that says how to draw them again."""

from pipeline.registry.coco import COCO_FILE
from pipeline.registry.drawn_images import DrawnImages, coco_text
from pipeline.synthetic.zip_file import ZipMember, zip_bytes


def archive_of(drawn: DrawnImages, *, masks: bool) -> bytes:
    """A ZIP file of the images, as `medloom generate` writes them, and of a list of them.

    Args:
        drawn: the images.
        masks: whether it holds their label maps and a COCO file; see `DrawnImages.masked`.
    """
    members = [drawn.file(index) for index in range(len(drawn))]
    if masks:
        members += [drawn.mask_file(index) for index in range(len(drawn))]
        members.append(ZipMember(COCO_FILE, coco_text(drawn.coco()).encode()))
    return zip_bytes(members, drawn.facts)
