detector_SOURCES := detector.c suspicion.c
detector_DEPENDS := env history
detector_TEST_DEPENDS := sim os
